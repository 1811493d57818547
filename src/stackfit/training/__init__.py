"""Members trained epoch by epoch; knows neither config nor folder."""
