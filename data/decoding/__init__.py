"""Parts of decoding photos: formats, whole JPEGs, bit depths, colour profiles, RGB in strips.

`data.images` puts them together.
"""
