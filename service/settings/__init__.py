"""Every setting, one group per file.

Order of precedence: arguments, environment (`WITHTHIS_…`), a `.env` file in the current folder, the TOML file named by
`WITHTHIS_CONFIG`, the defaults. Lists and tables are written as JSON in the environment
(`WITHTHIS_INDEX_PARAMS='{"M": 32}'`). Unknown variables are named in the log and ignored; unknown names in the TOML
file are an error.
"""

from service.settings.root import Settings, flat_name, load_settings, setting_places
from service.settings.sources import CONFIG_VARIABLE

__all__ = ["CONFIG_VARIABLE", "Settings", "flat_name", "load_settings", "setting_places"]
