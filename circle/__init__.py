"""`circle`: true walking minutes from every building to every daily service."""
