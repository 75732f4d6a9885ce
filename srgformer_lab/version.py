"""The package's version, for run folders and the packaging."""

VERSION = "0.1.0"
