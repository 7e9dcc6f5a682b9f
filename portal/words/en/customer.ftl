# Words of customers' pages.

home-title = Home
home-open = { $n ->
    [0] Nobody can use your data
    [one] One connection to your data is open
   *[other] { $n } connections to your data are open
}
home-uses-lately = Uses in the last 30 days
home-earned = Earned so far
home-waiting-count = Waiting for you
home-waiting = Waiting for your answer
home-ending = Ending soon
home-never = Never used
home-never-says = Nobody has used these yet. If you see no reason for them, stop them.
home-paused = Paused
home-active = In use
home-empty = All quiet
home-empty-says = No company can use your data. When one asks, you will see here who it is, what for and which data, and decide.
operators-word = Only the operator of this ledger vouches that your first key is yours. Ask the company to confirm it.

connections-lead = Everyone who may use your data, and everyone who once could.
connections-open = Open
connections-ended = Ended
connections-none = No open connections
connections-none-says = Nobody can use your data now.
never-used = Never used
last-used = Last used { $date }
until = Until { $date }
was-until = Was to last until { $date }
brought = Brought { $amount }
uses-of = { $uses } of { $max } uses
of = of { $max }
bar-uses = Uses
bar-time = Time
bar-earned = Earned
gauges = How far it has come
time-over = Over

asks = { $who } asks to use your data
answer-until = Answer by { $date }
request-lead = Read it in peace. You can answer until { $date }, and not answering is a no.
request-facts = What is asked for
request-already = You already share data with them for this purpose.
request-already-see = See it
if-no = If you decline
if-no-says = Nothing is shared, and { $who } learns only that you declined. Whatever you share already stays as it is.
if-yes = If you agree
if-yes-says = You can pause, change or stop it at any time, as easily as you agreed.
consents-title = What you agree to separately
consents-says = The law asks these questions apart from the rest. Read each one by itself; you tick each once more where you sign.
consents-lacking = Nothing is agreed yet: a consent that is needed is not ticked. Tick each one by itself, or decline.
consents-missing = You cannot agree to this. The company has not published the words in which it asks for a consent that is needed.
consent-no-sentence = The company has not published the words in which it asks for this.
consent-required = Needed to agree
consent-optional = You can agree without it
consent-basis = asked for by { $laws }
decline = Decline
agree = Agree
agree-narrowed = Agree to less
sign-next = Either answer is signed with your own key on the next page.
unless-title = Decline, and say what you would accept
unless-says = { $who } may then ask once more, with all of this kept. What you leave empty you leave open.
unless-without = Without
unless-days = Days at most
unless-kept = Days kept at most after a use
unless-uses = Uses at most
unless-price = { $currency } at least
unless-decline = Decline, unless this is kept
narrow-title = Agree to less
narrow-says = Tick what you want to leave out. You see the result before you agree.
narrow-without = { $cluster }: leave out
narrow-all = All of it
narrow-days = Days at most
narrow-uses = Uses at most
narrow-show = Show what is left
narrowed-title = Your version
narrowed-nothing = Nothing changes by this.
narrowed-undo = Back to what they asked for
notice-title = The notice of { $who }, word for word
preview-says = This is what the customer will see. The answers are left out here.

grant-terms = What you agreed to
grant-story = What has happened
grant-id = Number of this grant
deletion-due = The data they hold now must be deleted by { $date }.
stop = Stop sharing
pause = Pause
resume = Resume
change = Change
change-title = Share less with { $who }
change-lead = You can cut down what you agreed to at any time. What was used before stays used.
change-less = What to cut
change-more = To share more, answer a new request: nobody but you can widen what you agreed to.
change-not = Leave it as it is
change-now = Change it
change-sign = The change is signed with your own key on the next page.
story-given = You agreed.
story-changed = You changed it.
story-paused = You paused it.
story-resumed = You let it go on.
story-withdrawn = You stopped it.
story-revoked = { $who } ended it: { $reason }
story-acknowledged = { $gates ->
    [0] { $who } confirmed that it has stopped.
    [one] { $who } confirmed that it has stopped, at { $gates } gate.
   *[other] { $who } confirmed that it has stopped, at { $gates } gates.
}
story-acknowledged-word = { $who } says that it has stopped.
story-deleted = They say that they have deleted what they took so far.
story-used = · { $action } · { $data }
story-broke = This broke a rule:
story-in-window = It fell between your withdrawal and the moment by which every gate had to know of it.
story-refused = · refused · { $data }
story-earned = You earned { $amount }.
story-more = Earlier events are in your export.
entry-check = Entry { $entry }
proof-title = Proof
proof-says = You need not believe this page. Your browser can check your own agreement against the public log.
proof-check = Check the proof yourself
consent-files = For other programs:
consent-iso27560 = consent record (ISO/IEC TS 27560)
consent-kantara = consent receipt (Kantara)

stop-title = Stop sharing with { $who }?
stop-means = What this means
stop-at-once = { $seconds ->
    [one] From the next second on they are refused.
   *[other] Within { $seconds } seconds every request of theirs is refused.
}
stop-deletes = What they already have must be deleted by { $date }.
stop-keeps = No date is set by which they must delete what they already have.
stop-no-more-pay = You are paid for no further uses.
stop-owed = You will still be paid the { $amount } that you are owed, and nothing for further uses.
stop-past = What was used before stays used, and stays in your history.
stop-again = You can agree again whenever they ask anew.
stop-delete-now = Also ask { $who } to delete now what they already have
stop-not = Keep sharing
stop-now = Stop sharing
stopped-title = Stopped
stopped-lead = { $who } can no longer use this data.
stopped-receipt = Your receipt
stopped-at = Stopped at
stopped-deletion = Deletion
by-date = By { $date }
stopped-entry = Proof
stopped-gates = Who knows
taken-at = knows since { $time }
taken-not-yet = not yet
taken-no-gates = No gate was connected. The ledger itself refuses every use.
taken-by-all = Every gate knows. Each one that does not answer refuses as well.
taken-waiting = Waiting for the others. One that does not hear of it in time refuses everything.

value-lead = What your data was used for, and what it brought you.
value-none = No uses yet
value-none-says = As soon as somebody uses your data, you see it here, with what it brought.
value-earned = Earned
value-paid = Paid out
value-pending = Not settled yet
value-months = Uses by month
value-chart = Chart of uses by month
value-recipients = By recipient
value-clusters = By kind of data
value-share = Part of all uses
value-lines = How each amount came about
value-lines-says = Every amount names the entry that proves it.
value-benefits = Other than money
value-payments = Payments
withheld = Tax withheld
payment-sent = On its way
payment-paid = Paid
payment-failed = Failed, and owed again

devices-title = Devices
devices-none = No devices yet
devices-none-says = A device appears here once you have made a key on it.
device-this = This device
device-since = Since
device-seen = Its passkey last logged in
device-unseen = Not yet
device-signs = Signs for you at
device-signs-nowhere = No company
device-shared = Another device has the same passkey. Ending this device leaves that passkey; end it at whoever keeps your passkeys.
device-rename = Change the name
device-name = Name
device-end = End this device
device-end-named = End this device: { $device }
device-add = Add a device
device-add-says = Start here, on a device that has your keys. If you have lost all of them, log in with your recovery code on the new one.
passkeys-title = Passkeys
passkeys-says = With these you log in. None of them signs by itself.
passkey-since = Made on { $day }
passkey-seen = last logged in { $when }
save-name = Save
keys-title = Keys
keys-says = Your key never leaves the device it was made on. You have another one for each company, so that no two of them can tell that you are the same person.
keys-none = No keys yet
keys-none-says = A key is made when you first answer a company.
key = Key
key-evidence = Vouched for by
key-enterprise = The company
key-operator = The operator of this ledger alone
key-enrolled = An earlier key of yours
key-valid = Valid
key-ended = Ended
recovery-title = Recovery
recovery-there = You have a recovery code. With it you can go on with a new device if you lose this one.
recovery-missing = You have no recovery code. If you lose all your devices, you can still stop everything, but agree to nothing.
account-more = More
data-title = Take along, or erase
data-short = Your whole record as a file; erasure
complaints-short = To whom, and by when you get an answer
data-lead = Your record is yours. Take it along, or have it erased.
data-none = Nothing is held about you
data-holding = { $records ->
    [one] { $records } record
   *[other] { $records } records
} · { $open ->
    [0] nothing open
    [one] { $open } open connection
   *[other] { $open } open connections
}
export-title = Take along
export-says = One page with everything: each entry, its proof and what lay hidden in it. It checks itself when you open it, also without a network and when this server is gone.
export-archive = Save my record
erase-title = Erase
erase-held = A legal duty forbids erasing just now. Ask again once it has ended.
erase-ends = Every open connection is stopped first, and what you are owed is paid.
erase-gone = Then the key to your records is destroyed. Nobody can read them any more, nor tell that they were yours.
erase-stays = Records of money that the law demands are kept as long as it does, under a key of their own.
erase-final = It cannot be undone. Take your record along first.
erase-me = Erase me at { $who }
erase-lead = Read what goes, what stays and by when. It begins when you press the button, and nothing brings it back.
erase-goes = What is erased
erase-records = { $n ->
    [one] { $n } record about you: nobody can read it any more
   *[other] { $n } records about you: nobody can read them any more
}
erase-none-open = No connection is open, so nothing has to be stopped
erase-open = { $n ->
    [one] One open connection ends. Every gate refuses within { $seconds } seconds
   *[other] { $n } open connections end. Every gate refuses within { $seconds } seconds
}
erase-asked = Requests that wait for you are gone, and your keys there are worthless
erase-unlinked = Which pseudonym was yours there: this portal forgets it
erase-what-stays = What stays
erase-owed = You are still owed { $amount }.
erase-sums = Sums of money over at least twenty people, in which nobody can be told apart
erase-places = The places of your records in the log, so that old proofs still hold. They are random numbers to everybody.
erase-when = By when
erase-when-stops = Within { $seconds } seconds no use is permitted any more
erase-when-key = The key to your records is destroyed as soon as every gate has forgotten you, after { $hours } hours at the latest. Where the company’s proofs of the days before are not made yet, they are made first.
erase-when-backups = By { $date } no backup opens any more, either
erase-not = Keep everything
erase-now = Erase me now
erase-passkey = Your passkey is asked for once more, if you have not just shown it.
erased-waiting = Erasing you at { $who }
erased-stopped = Everything is stopped. Your records become unreadable as soon as what is named here is done.
erased-state = How far it is
erased-asked = You asked
erased-waits-for = Waits for
erased-waits-gates = { $n ->
    [one] one gate that has yet to forget you
   *[other] { $n } gates that have yet to forget you
}
erased-waits-proofs = proofs of the days before, which the company has yet to make
erased-look = Look again
erased-title = You are erased at { $who }
erased-lead = Nobody can read what was recorded about you there, nor tell that it was yours.
erased-at = Key destroyed
erased-entry = Entry of the log
erased-backups = Backups open no more
erased-backups-gone = They open no more
erased-nothing = The log held nothing about you there. This portal has forgotten that you were a customer.
erased-told = This page is kept for 60 days, for you alone.
data-partings = Erased
data-parting = { $who }, asked for on { $date }
complaints-lead = If something was used that should not have been, say so. The date by which you must be answered stands beside it.
complaint-about = About
complaint-text = What happened
complaint-says = The company reads this, and the operator of this ledger could. It is never on the log: regulators see how many complaints there are, and not what they say.
complaint-overdue = Overdue
complaints-open = Open
complaints-in-time = Answered in time
complaints-late = Answered late
complaints-erased = Erased unanswered
complaint-send = Send
complaints-made = Your complaints
complaints-none = None.
complaint-answered = Answered
complaint-dates = Made { $made } · answer due by { $due }

signatures-title = Waiting for signatures
signature-grant = Agree to what { $who } asks
signature-change = Change what { $who } may do
signature-resume = Let something go on that was paused
signature-rule = A standing rule
signature-key = Somebody wants to sign, too
signature-guardian = Somebody is to be a guardian
signature-signatories = How many must sign
signature-other = Something to be confirmed
signature-yours-is-there = You have signed
signature-state = { $n ->
    [one] Signed by one so far
   *[other] Signed by { $n } so far
}. Nothing happens before all have signed who must. Waits until { $date }.
signature-read = Read and sign
signature-drop = Drop it
for-ward = For { $who }

signers-title = Who signs
signers-short = Several signatures for an organisation; guardians of a minor
signers-lead = Who can sign for you at each company, and how many of them must. One alone can always pause and stop.
signers-one = One signature is enough.
signers-needed = { $n ->
    [one] One of the keys that count must sign.
   *[other] { $n } of the keys that count must sign.
}
signers-minor = A guardian signs what widens the use of data, until { $date }.
signers-choose = Whose keys count
signers-how-many = How many of them must sign
signers-says = Choose one key of each person. From then on agreeing, changing and resuming need so many signatures. Withdrawing and pausing need one.
signers-agree = Go on to sign this rule
signers-add = Invite somebody to sign, too
signers-add-says = They come by a link, with their own passkey and their own key. You compare a number with them before you vouch for it.
signer-you = You
signer-unnamed = Without a name
signer-unknown = A key that no browser here has
signer-guardian = Guardian
signer-counts = Counts
signer-number = Number of the key
