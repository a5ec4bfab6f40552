"""What `playhead bench` and `make bench` run: one file per measure, the real code, figures with their spread and machine."""
