//! What `kubectl get pods` knows about a pod.
