"""Commands on Studios, and the controller that makes them true."""
