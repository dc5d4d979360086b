"""Parts for segkit."""
