"""The dock beside the transcript with a session's turns and figures."""
