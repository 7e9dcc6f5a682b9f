# Words of the data space.

nav-space = My data space
space-lead = What companies have written down about you, as their own systems hold it: conversations, contract terms and requests.
space-empty = Nothing here yet
space-empty-says = When a company connects its systems, you will see here what they say about you, and how fresh it is.
space-freshness = How fresh it is
space-nothing-yet = Nothing has arrived yet.
space-none = Waiting
space-fresh = Up to date
space-late = Behind
space-as-of = As of { $time }, { $minutes ->
    [0] less than a minute behind.
    [one] { $minutes } minute behind.
   *[other] { $minutes } minutes behind.
}
space-promise = At most { $minutes } minutes are promised.
space-late-says = Some of this may have changed since. The company's systems have not sent anything for longer than they promised.
space-filter-kind = Which kind
space-filter-company = Whose
space-all-kinds = Everything
space-all-companies = All companies
space-interactions = Conversations
space-contract-terms = Contract terms
space-tickets = Requests for help
space-interaction = Conversation
space-contract-term = Contract term
space-ticket = Request for help
space-records = { $n ->
    [0] No records
    [one] One record
   *[other] { $n } records
}
space-to-confirm = { $n ->
    [one] One milestone waits for you
   *[other] { $n } milestones wait for you
}
space-waiting = { $n ->
    [one] One change waits for the company
   *[other] { $n } changes wait for the company
}
space-says = What it says
space-says-nothing = It says nothing more.
space-blank = Empty
space-change = Change
space-new-value = New: { $field }
space-change-says = Your change goes to { $who }, which makes it in its own system or says why not. Until then the old entry stays.
space-send = Send the change
space-wishes = Your changes
wish-waiting = Waiting
wish-done = Done
wish-refused = Not made
wish-made = Sent { $date }
wish-answered = Answered { $date }
space-milestones = Milestones
space-milestones-say = What the company says has been reached. Confirm only what you have seen yourself.
space-reached = Reached { $date }
space-confirm = Confirm
space-confirm-says = You sign with your own key on the next page. Your confirmation goes on the log and cannot be taken back.
space-confirmed = Confirmed { $date }
space-proof = Check the proof
