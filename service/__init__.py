"""The running system: Serve application, HTTP routes, labeler page, configuration, command line."""
