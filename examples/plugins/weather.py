"""A complete plugin: moss-agent ask --plugin-dir examples/plugins "What is the weather in Paris?" """

from moss_agent import plugin
from moss_agent.errors import PluginError

FORECASTS = {
    ("beijing", "北京"): ("sunny", 21),
    ("london", "伦敦"): ("light rain", 14),
    ("paris", "巴黎"): ("cloudy", 17),
    ("shanghai", "上海"): ("thunderstorms", 26),
}


@plugin("Weather", label="Weather forecast")
def weather(city: str, *, unit: str = "celsius") -> str:
    """The forecast for a city. `unit` is a setting: `[plugins.weather]`, `unit = "fahrenheit"`."""
    for names, (sky, degrees) in FORECASTS.items():
        if city.strip().lower() in names:
            shown = f"{degrees}°C" if unit == "celsius" else f"{degrees * 9 / 5 + 32:.0f}°F"
            return f"{city.strip()}: {sky}, {shown}"
    raise PluginError(f"no forecast for {city!r}; there are forecasts for " + ", ".join(n[0] for n in FORECASTS))
