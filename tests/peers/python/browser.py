"""A peer for the tests: curl with BoringSSL under the mask of a browser, from PyPI's curl_cffi.

BROWSER PORT ROOTS    gets https://server.test:PORT/ from 127.0.0.1 and prints what came back
"""

import sys

from curl_cffi import CurlOpt, requests

browser, port, roots = sys.argv[1:]
options = {CurlOpt.RESOLVE: [f"server.test:{port}:127.0.0.1"]}
answer = requests.get(
    f"https://server.test:{port}/", impersonate=browser, verify=roots, timeout=60, curl_options=options, http_version="v1"
)
print("answer", answer.status_code, answer.text, flush=True)
