"""Recovers what is missing: repairs trades, rebuilds bars and points, and restores the state from the record.

Three verbs, each with one meaning only:

    repair    fetch missing trades and put them where they belong
    rebuild   compute closed bars, and points of closed bars, again from what is recorded
    restore   load, after a restart, what an earlier run recorded

The ladder of repair. The ledger of a symbol names each range of missing ids and the `source` to ask next. A range moves down a step when a
source does not have it, and never up again:

    the other connection                     a handover or a second frame may still bring the trade: one second of grace
        |  still missing
        v
    source "feed": by id over REST           `by_id`: one page of 1,000 ids at a time, of all symbols the newest first
        |                                    (trades missed before the start wait until every symbol has its past)
        |  absent from five answers, or older than the venue returns by id
        v
    source "file": the venue's daily files   `by_day`: one file at a time, the newest first; requested until a week after the day
        |  in no file                        (skipped if the venue publishes none)
        v
    source "none": lost                      the gap stays named, and its bars keep the quality `gap`

What is rebuilt, and when:

    a trade arrived, or went missing, too late for its bar      its bars from the recorded trades, then the points of those bars
    a killed run may have left trades that are in no bar        the bars of the last ten minutes of its record
    a stop left bars in the queue                               those bars, after the next start
    a file of the record was broken                             bars of which the trades are still recorded
    a recorded point does not fit its bars, or is missing       `check`, after each start: that point and those behind it
    a recorded point is of an older definition                  `upgrade`, once after an update: all such points

`repairs` coordinates all this for one flow: the trades that `by_id` and `by_day` fetch go to `insert`, the times of bars that are no longer
right to `queue`; `gap_news` reports the gaps; `restore` and `broken_record` read what the record holds and lacks.

A rebuilt row that differs from the recorded one is issued under the next revision; one that is equal is dropped.
"""
