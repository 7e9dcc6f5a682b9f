# Words of the sandbox's doors and of the tours.

doors-title = Try every role
doors-says = This sandbox has a car maker, an insurer and customers. Signatures, decisions, payouts and proofs in it are real; the people and companies are not. Each door leads to the pages that this role has, with a tour of three minutes.
doors-customer = Customer
doors-customer-says = See who uses your charging records, what it brought you, and stop it with one action.
doors-customer-go = Be a customer
doors-company = Car maker
doors-company-says = See grants, uses and refusals, and ask a customer for data by a template.
doors-company-go = Be the car maker
doors-regulator = Regulator
doors-regulator-says = Check the log with your own browser. Nobody has to let you in.
doors-regulator-go = Be the regulator
doors-own = Sign with a key of your own
doors-own-says = Agreeing takes a key that is yours alone. Make one, with a passkey of this device: two requests will wait for you, and nobody else can answer them.
doors-own-go = Make my own key

tour = Tour
tour-at = Step { $number } of { $all }
tour-back = Back
tour-next = Next
tour-end = End the tour
tour-begin = Three-minute tour
tour-customer-1 = This is where you begin. What waits for your answer stands first, then what may use your data now, and what that has brought you. Saying yes and saying no are equally easy.
tour-customer-2 = Every data connection you have agreed to, ended ones too. Open one: it shows who, which data, what for, until when, and each single use. “Stop” is on it, takes one action, and works at once without any key.
tour-customer-3 = What your data was used for and what you were paid, to the last unit. Each amount shows how it came about.
tour-customer-4 = Your keys. They were made on your devices and never leave them; nobody can agree in your name without one. A recovery code brings you back if you lose them all.
tour-customer-5 = Your record is yours: take it along, or have it erased. The log keeps its entries, but nobody can read them any more or tell that they were yours.
tour-company-1 = Your desk. Open grants, refused uses and gates at a glance. You see pseudonyms; who they are, only your own systems know.
tour-company-2 = Asking begins with a template, which bounds what may be asked. Open one, name a customer, narrow it: below the form you see the request exactly as the customer will.
tour-company-3 = What customers have agreed to, with state, uses and end. A grant exists only with the customer’s own signature; nobody here can make one.
tour-company-4 = Each use and each refusal, the latest first. A refusal names its reason and what would mend it, so that you know whom to ask for what.
tour-company-5 = Gates answer before each use. One that has not heard from the ledger in time refuses everything, so a withdrawal holds everywhere within seconds.
tour-company-6 = What you owe your customers, by period. What is posted does not change any more; corrections are entries of their own.
tour-regulator-1 = Everything on this page is checked by your own browser: the signed state, and that the log goes on from what you saw last. Nobody has to let you in, and you see no customer’s data.
tour-regulator-2 = A company’s day is proved as a whole: no use after its end, no use over its cap, every payout its price. Choose the bundles that you were given, and your browser verifies them.
tour-regulator-3 = Whoever holds a receipt can have it checked here, or offline with a verifier of their own: signatures, place in the log, and the figures that it opens.
