"""The pages that people see: sign-in, choice of a record, consent, errors, the chart. Plain HTML forms that work without scripts.

Every form has an `id` that says which step it is (`sign-in`, `record`, `consent`, `chart`, `launch`) and hidden fields to be sent back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

from millgate.simulator import scopes
from millgate.simulator.answers import Answer
from millgate.simulator.clients import Client

HTML = "text/html; charset=utf-8"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = """
:root { color-scheme: light dark; --line: #c9d1d9; --ink: #1c2733; --soft: #5b6875; --page: #eef2f5; --card: #fff; --blue: #1f5f99;
  --red: #a4262c }
@media (prefers-color-scheme: dark) { :root { --line: #3b4754; --ink: #e8edf2; --soft: #a5b1bd; --page: #12181f; --card: #1b232c;
  --blue: #6fb1ee; --red: #ff8f8f } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif }
main { width: 100%; max-width: 30rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 2rem }
.house { margin: 0 0 1.5rem; padding-bottom: 1rem; border-bottom: 1px solid var(--line); color: var(--blue); font-weight: 600 }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .75rem }
p { margin: 0 0 1rem } .soft { color: var(--soft); font-size: .9rem }
label { display: block; font-weight: 600; margin: 0 0 .25rem }
input[type=text], input[type=password], select { width: 100%; padding: .6rem .7rem; margin: 0 0 1rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: 6px }
select option { color: #1c2733; background: #fff }
fieldset { border: 0; margin: 0 0 1rem; padding: 0 } legend { font-weight: 600; padding: 0; margin-bottom: .5rem }
.choice { display: flex; gap: .6rem; align-items: baseline; font-weight: 400; border: 1px solid var(--line); border-radius: 6px;
  padding: .6rem .8rem; margin-bottom: .5rem }
ul { margin: 0 0 1.25rem; padding-left: 1.2rem } li { margin-bottom: .3rem }
button { font: inherit; font-weight: 600; padding: .6rem 1.2rem; border-radius: 6px; border: 1px solid var(--blue); background: var(--blue);
  color: var(--card); cursor: pointer; margin-right: .5rem }
button.second { background: transparent; color: var(--blue) }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px }
.alert { border-left: 4px solid var(--red); padding: .5rem .8rem; color: var(--red) }
code { font-size: .85rem; overflow-wrap: anywhere }
"""
_NOUNS = {
    "Appointment": "appointments",
    "DiagnosticReport": "diagnostic reports",
    "Encounter": "visits",
    "Location": "places of the hospital",
    "Observation": "vital signs, results and other observations",
    "Organization": "organizations",
    "Patient": "name, birth date, address and other personal details",
    "Practitioner": "clinicians",
    "Provenance": "where records come from",
    "Schedule": "schedules",
    "Slot": "free and busy times",
}
_OF_THE_HOUSE = frozenset({"Location", "Organization", "Practitioner", "Provenance", "Schedule", "Slot"})
_VERBS = {"r": "see", "s": "see", "c": "add", "u": "change", "d": "remove"}


def page(status: int, house: str, title: str, content: str) -> Answer:
    """A whole page of a hospital."""
    text = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)} · {escape(house)}</title>\n'
        f'<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<p class="house">{escape(house)}</p>\n<h1>{escape(title)}</h1>\n'
        f"{content}\n</main>\n</body>\n</html>\n"
    )
    return Answer(status, text.encode(), HTML, dict(_HEADERS))


def form(form_id: str, action: str, hidden: Mapping[str, str], content: str, method: str = "post") -> str:
    fields = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">\n' for n, v in hidden.items())
    return f'<form id="{form_id}" method="{method}" action="{escape(action)}">\n{fields}{content}\n</form>'


def alert(text: str) -> str:
    return f'<p class="alert" role="alert">{escape(text)}</p>'


def select(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str | None = None) -> str:
    made = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(told)}</option>'
        for value, told in options
    )
    return f'<label for="{name}">{escape(label)}</label>\n<select id="{name}" name="{name}">{made}</select>'


def sign_in_page(house: str, action: str, token: str, *, wrong: bool, username: str = "") -> Answer:
    content = (
        '<label for="username">User name</label>\n'
        f'<input type="text" id="username" name="username" value="{escape(username)}" autocomplete="username" required autofocus>\n'
        '<label for="password">Password</label>\n'
        '<input type="password" id="password" name="password" autocomplete="current-password" required>\n'
        '<button type="submit">Sign in</button>'
    )
    told = alert("The user name or the password is not right.") if wrong else ""
    return page(401 if wrong else 200, house, "Sign in", told + form("sign-in", action, {"csrf_token": token}, content))


def record_page(house: str, action: str, token: str, records: Sequence[tuple[str, str]]) -> Answer:
    choices = "".join(
        f'<label class="choice"><input type="radio" name="patient" value="{escape(patient_id)}" required> {escape(told)}</label>\n'
        for patient_id, told in records
    )
    content = f'<fieldset>\n<legend>Whose record do you want to share?</legend>\n{choices}</fieldset>\n<button type="submit">Continue</button>'
    return page(200, house, "Choose a record", form("record", action, {"csrf_token": token}, content))


def consent_page(
    house: str,
    action: str,
    token: str,
    *,
    client: Client,
    redirect_uri: str,
    granted: Iterable[str],
    user: str,
    record: str | None,
) -> Answer:
    listed = (
        "".join(f"<li>{escape(line)}</li>\n" for line in told_scopes(granted, client)) or "<li>Nothing beyond your sign-in</li>\n"
    )
    whose = f"<p>Record: <strong>{escape(record)}</strong></p>\n" if record else ""
    content = (
        f"<p>You are signed in as <strong>{escape(user)}</strong>.</p>\n{whose}"
        f"<p>The app at <strong>{escape(urlsplit(redirect_uri).netloc or redirect_uri)}</strong> asks to:</p>\n<ul>\n{listed}</ul>\n"
        '<button type="submit" name="decision" value="allow">Allow</button>\n'
        '<button type="submit" name="decision" value="deny" class="second">Deny</button>\n'
        f'<p></p><p class="soft">Registered as <code>{escape(client.client_id)}</code></p>'
    )
    return page(200, house, "Allow access?", form("consent", action, {"csrf_token": token}, content))


def error_page(house: str, urn: str, correlation_id: str, status: int = 400) -> Answer:
    """An error that must not be sent to an address that nobody vouches for."""
    content = (
        "<p>This app cannot be opened. Tell the people who run it what stands below.</p>\n"
        f'<p><code id="error">{escape(urn)}</code></p>\n'
        f'<p class="soft">Correlation id <code id="correlation">{escape(correlation_id)}</code></p>'
    )
    answer = page(status, house, "Something is not right", content)
    answer.headers["Cerner-Correlation-ID"] = correlation_id
    return answer


def told_scopes(granted: Iterable[str], client: Client) -> list[str]:
    """Granted scopes in plain words, one line for each kind of record and a few for the rest."""
    letters: dict[tuple[str, str], set[str]] = {}
    others = set()
    for scope in granted:
        context, _, rest = scope.partition("/")
        resource = rest.partition(".")[0]
        if resource in _NOUNS:
            letters.setdefault((context, resource), set()).update(scopes.permitted_letters(scope, client))
        else:
            others.add(scope)
    lines = []
    for (context, resource), allowed in letters.items():
        verbs = list(dict.fromkeys(_VERBS[letter] for letter in "rscud" if letter in allowed))
        doing = " and ".join(verbs) if len(verbs) < 3 else ", ".join(verbs[:-1]) + " and " + verbs[-1]
        whose = (
            " in this record" if context == "patient" else "" if resource in _OF_THE_HOUSE else " of all whose record you may see"
        )
        lines.append(f"{doing.capitalize()} {_NOUNS[resource]}{whose}")
    if others & set(scopes.IDENTITY):
        lines.append("Know who you are")
    if scopes.ONLINE in others:
        lines.append("Stay connected while you are signed in")
    if scopes.OFFLINE in others:
        lines.append("Stay connected when you are not there, until you withdraw it")
    return lines
