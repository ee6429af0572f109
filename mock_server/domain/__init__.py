"""The pure core: lifecycle, console, limits, paths and errors. No Flask, files, clocks or processes."""
