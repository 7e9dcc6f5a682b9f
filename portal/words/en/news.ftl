# News, and mail of it.

news-title = Notifications
news-unseen = { $n ->
    [one] One notification is new
   *[other] { $n } notifications are new
}
news-none = Nothing yet
news-none-says = Here you will see when a company asks for your data, when a connection ends, when money was paid and when a key was added.
news-new = New
news-seen = I have seen all of these
news-request = { $company } asks to use your data
news-ending = A connection to { $company } ends within a week
news-revoked = A connection to { $company } was ended, and not by you
news-signature = Something for { $company } waits for your signature
news-answered = { $company } has answered your complaint
news-stopped = Every gate of { $company } has taken in that a connection has ended
news-money = { $company } paid you { $amount }
news-money-some = { $company } paid you
news-keys = A key was added or exchanged with which you sign for { $company }. Was it not you? Then look at your account now.
news-recovery = Somebody signed in with your recovery code. Was it not you? Then look at your account now.
news-page = The page on which you sign is another one than before. Its hash is on the log.
topic-request = A company asks for something
topic-ending = A connection ends within a week
topic-revoked = A company or the operator ends a connection
topic-stopped = Every gate has taken in that a connection has ended
topic-money = Money was paid
topic-signature = Something waits for my signature
topic-answered = A company answers a complaint
topic-keys = A key was added, or the recovery code used
topic-page = The signing page has changed
digest-each = At once, one mail for each
digest-daily = Once a day
digest-weekly = Once a week
digest-off = No mail
mail-title = Mail to you
mail-short = Where we may write to, about what and how often.
mail-page-lead = If you like, we write to you when something happens. No company learns your address.
mail-never = This server sends no mail
mail-never-says = You find everything under Notifications.
mail-asked = We have asked { $address } whether it is yours. Open the link in that mail; until then nothing else is sent.
mail-confirmed = Your address is confirmed
mail-address = Address
mail-address-says = Leave it empty and we forget it.
mail-language = Language of the mails
mail-digest = How often
mail-topics = About what
mail-save = Save
mail-ask-again = Save and ask the address again
mail-lead = This is new in your account:
mail-line = { $day }: { $says }
mail-subject = { $n ->
    [one] One thing is new in your account
   *[other] { $n } things are new in your account
}
mail-settings = What we write to you about
mail-unsubscribe = No more mails
mail-confirm-subject = Is this your address?
mail-confirm-lead = Somebody wants to have notifications of Grantbook sent to this address. If it was you, open the link. If not, do nothing: no other mail will come.
mail-confirm-link = Confirm the address (within a day)
confirm-title = Is this your address?
confirm-says = Confirm it, and notifications are sent to it from now on.
confirm-button = Yes, it is mine
confirmed-title = The address is confirmed
confirmed-says = Notifications are sent to it from now on, as you have chosen.
unsubscribe-title = No more mails?
unsubscribe-says = You will find everything in the portal under Notifications.
unsubscribe-button = Send no more mails
unsubscribed-title = No more mails will come
unsubscribed-says = You can change that at any time.
