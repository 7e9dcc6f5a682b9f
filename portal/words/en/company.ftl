# Words of enterprises: signing in, making requests.

company-sign-in = Company sign-in
company-sign-in-lead = For people who work for a company that uses this ledger. Customers sign in with a passkey instead.
company-sign-in-refused = This token is not valid, or has been revoked. Nothing else is said about why.
company-token = Access token
company-token-says = It begins with gbk_. It is exchanged for a session of this browser, which ends after half an hour without a request and after eight hours at the latest. The browser does not keep the token.
company-no-token = No token?
company-no-token-says = Whoever runs this ledger makes one for your company, with the role admin or service:
company-sign-out = Sign out
fault-company-sign-in-says = This page belongs to a company. Sign in with one of its access tokens to see it.
fault-not-a-company-says = You are signed in as a customer, but this page belongs to a company.
