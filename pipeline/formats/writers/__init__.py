"""Writers of export formats, one module for each."""
