"""The main job through the API, over real sockets, against real sessions."""
