"""The API for any WSGI server, made when it is imported: `magnum.wsgi.api:application`.

Servers that fork should load it in each worker; nothing connects to the database before the first request.
"""

from magnum.api.app import load_app
from magnum.cmd.assembly import make_service
from magnum.cmd.programs import set_up_process
from magnum.conf.settings import load_settings

_settings = load_settings()
set_up_process(_settings)
application = load_app(make_service(_settings))
