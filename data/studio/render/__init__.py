"""A small renderer: quads with a painted skin, a camera, and light. It knows no cars."""
