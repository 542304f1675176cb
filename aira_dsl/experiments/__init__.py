"""What is measured once and shipped or compared: calibrations, tables, comparisons, speed."""
