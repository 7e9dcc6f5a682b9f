# Words of every page: the frame, facts of an agreement, money, faults.

product = Grantbook
skip = Skip to the content
other-language = 中文
sandbox-mark = Sandbox
sandbox-says = Everything here is made up. Put no real data in it.
foot = Every grant, withdrawal and use is an entry of a public log that can only grow. The log holds no names and no amounts.
foot-zone = All times are { $zone }
foot-log = Check the log

nav-main = Main
nav-overview = Overview
nav-log = The log
nav-bundle = Verify proofs
nav-receipt = Check a receipt
nav-home = Home
nav-connections = Data connections
nav-value = Uses and value
nav-account = Account
nav-complaints = Complaints
nav-desk = Overview
nav-requests = Requests
nav-grants = Grants
nav-uses = Uses
nav-gates = Gates
nav-settlement = Money

fact-recipient = Who
fact-purpose = What for
fact-data = Which data
fact-left-out = Not included
fact-validity = How long
fact-uses = How often
fact-kept = Kept
fact-level = Personal touch
fact-duties = They must
fact-consents = Separate consents
consent-automated-decision = Decisions about you that no person makes
consent-cross-border = Your data goes to another country
consent-derived-asset = Something new is made of your data
consent-public-disclosure = Your data is made known to everybody
consent-sensitive = Sensitive data
consent-special = Special categories of data
consent-third-party = Your data goes to another company
law-data-act = Data Act
law-dpdp = DPDP Act
law-gdpr = GDPR
law-pipl = PIPL
law-article = { $law } Art. { $article }
fact-pay = What you get
on-behalf = through { $controller }
field-count = { $n ->
    [one] { $n } field
   *[other] { $n } fields
}
cluster-whole = All fields of this kind of data, also those that are added to it later.
cluster-fields = { $name }: { $fields }
cluster-period = { $name } ({ $period })
cluster-only = { $name } ({ $condition })
only-rows = Only where { $attribute } is { $values }
data-period = from { $from } to { $to }
validity = From { $from } until { $until }
uses-max = { $uses ->
    [one] Once at most
   *[other] { $uses } times at most
}
uses-unlimited = As often as they need
uses-rate = no more than { $uses } within { $time }
uses-both = { $uses }, { $rate }
time-days = { $n ->
    [one] a day
   *[other] { $n } days
}
time-hours = { $n ->
    [one] an hour
   *[other] { $n } hours
}
time-minutes = { $n ->
    [one] a minute
   *[other] { $n } minutes
}
time-seconds = { $n ->
    [one] a second
   *[other] { $n } seconds
}
kept-days = { $days ->
    [0] Deleted on the day of use
    [one] Deleted a day after each use
   *[other] Deleted { $days } days after each use
}
kept-unlimited = No limit is set
level = At most level { $level } of 4
duty-mask = Hide: { $fields }
duty-keep = Take nothing but: { $fields }
duty-coarsen = Make { $field } less exact: { $to }
duty-delete = { $days ->
    [0] Delete what they took on the day of use
    [one] Delete what they took within a day
   *[other] Delete what they took within { $days } days
}
duty-mark = Mark what they pass on: { $label }
duty-audit-only = Shown to auditors alone: { $fields }
duty-tell = Tell { $party } of each use
pay-nothing = No money
pay-once = { $price }, once
pay-each-use = { $price } for each use
pay-each-use-from = From { $price } for each use
pay-share = { $share } of what they earn with it, shared by use
pay-share-from = From { $share } of what they earn with it, shared by use
pay-benefit = { $what }
pay-at-most = { $amount } at most ({ $formula })
pay-step-uses = From use { $from } of a period on: { $price } each
pay-step-share = Above { $above }: { $share }
pay-minimum = At least { $amount } in a period with a use
pay-maximum = At most { $amount } in a period
formula-once = Once, for agreeing
formula-tiers = { $uses ->
    [one] { $uses } use by its steps: { $worth }
   *[other] { $uses } uses by their steps: { $worth }
}
formula-reversed = Entry { $entry } taken back
formula-reversed-use = A use taken back
money-none = None

standing-active = Active
standing-paused = Paused
standing-not-started = Not started
standing-expired = Ended
standing-superseded = Replaced
standing-withdrawn = Stopped by you
standing-revoked = Ended by them
days-left = { $days ->
    [0] Over
    [one] { $days } day left
   *[other] { $days } days left
}

date = Date
month = Month
uses = Uses
amount = Amount
formula = How it came about
state = State
company = Company
choose = Choose…

diff-caption = What differs
diff-fact = Fact
diff-before = Before
diff-after = After
diff-nothing = Nothing

check-title = Check the proof yourself
check-lead = Your own browser checks an entry: that it is in the public log, that it is signed, and that it says what you were shown. Nothing is sent anywhere.
check-now = Check now
check-download = Save the receipt
check-file = Receipt
check-keys = The log’s keys, from your own records
check-keys-says = The lines of /log/vkey. Left empty, this server is asked, and everything rests on its word.
check-noscript = This check runs in your browser and needs JavaScript. Without it, save the receipt and run: grantbook verify
check-not = A proof shows what was recorded and that it was not changed since. It cannot show that a company told the truth.
check-working = Checking…
check-good = Everything holds
check-bad = This does not hold
check-step-log = The log’s own keys signed its state
check-step-included = The entry is in the log
check-step-digest = The entry is about this very record
check-step-signed = The record is signed
check-step-batch = The gate signed the batch that the record is in
check-step-committed = Every hidden figure is what you were shown
check-step-keys-served = The log’s keys came from this server. Compare them with your own records.
check-step-keys-own = The log’s keys are from your own records
check-signed-when = Signed
check-committed-value = Hidden figure
check-offline = This server cannot be reached. Your receipt can still be checked: save it first.

fault-home = To the first page
fault-not-found = Nothing here
fault-not-found-says = There is nothing at this address, or nothing of yours.
fault-erased = Erased
fault-erased-says = What was here has been erased for good. The log still holds its place, and can be read by nobody.
fault-sign-in = Please sign in
fault-sign-in-says = This page is yours alone. Sign in with your passkey to see it.
sign-in = Sign in
fault-not-yours = Not for you
fault-not-yours-says = You are signed in, but this page is for somebody else.
fault-unavailable = Not available just now
fault-unavailable-says = The ledger cannot be read at the moment. Nothing is lost. Gates that cannot hear from it refuse every use meanwhile.
fault-no-key = No key on this device
fault-no-key-says = To sign you need the key that is on your other device. You can add this device with your recovery code. Stopping works without any key.
