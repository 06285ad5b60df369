"""The consistency step: any method's image made consistent with both images of the pair."""
