"""Whether what is in deploy/kubernetes can work: rendered, held against Kubernetes' schemas, and its names against each other and against the code."""
