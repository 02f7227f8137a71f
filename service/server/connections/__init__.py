"""The layer between the network and the application: connections, bounded before authentication."""
