"""The C++ kernels of the CPU engine: how they are built and called."""
