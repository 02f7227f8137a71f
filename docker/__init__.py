"""Images, compose files and Kubernetes manifests, and what checks them."""
