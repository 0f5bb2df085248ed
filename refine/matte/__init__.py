"""Alpha and colours of cutouts, computed where the contour is and nowhere else."""
