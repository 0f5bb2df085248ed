"""The HTTP server: masks and cutouts for programs, and a page for people.

A photo is decoded, predicted and encoded in a worker thread by the functions that `predict` calls.
Nothing is written to disk, no address is fetched, and the name of an upload is text, never a path.
"""
