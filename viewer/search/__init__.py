"""The page beside the transcript that searches the text of every session."""
