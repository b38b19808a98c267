"""Django projects whose settings differ from the site's, for single parts."""
