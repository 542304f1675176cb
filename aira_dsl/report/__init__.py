"""Results for people: tables, pictures and pages."""
