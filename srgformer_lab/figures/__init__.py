"""How results look: tidy frames in, plotly figures and item cards out.

A room of its own so that one thing looks the same everywhere, and so that nothing else in the package needs plotly.
It knows neither models nor data sets, only columns.
"""
