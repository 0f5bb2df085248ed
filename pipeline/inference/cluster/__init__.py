"""Photos predicted by the workers of a Dask cluster: shares out, records back, one manifest.

The machines share a folder. What travels are the paths of photos, a share of some hundred a task,
and records; pixels stay where they are.

call_mark           a file in the folder of the results by which a worker knows its call
scheduler           the connection to a scheduler, and what is said if there is none
share_map           shares to workers and results back, a bounded number at a time
share_prediction    what a worker does with a share
cluster_crew        what the call does with the results
"""
