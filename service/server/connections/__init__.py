"""The layer between the network and the application: connections, bounded before anybody is asked who they are."""
