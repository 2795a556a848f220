/* What replaces something on the server, and may arrive late: the amend of a holder, and the resize of a semaphore.
 *
 * Two clients call, one call after the other. A request goes without an answer, is sent again, or is given up; its copies
 * stay on their way and arrive whenever they like. The server compares: an amend's number with that of the last one, a
 * resize's last known change with the last change.
 *
 * Property nothing_undone: what arrives takes effect only if no call that began after its own call ended has been answered.
 *
 *   RESIZE      resizes of two clients; else amends of one
 *   BREAK       UNNUMBERED: the server carries out whatever arrives
 */
#define CALLS 3  /* 0, 1: of the first client; 2: of the other */
#ifndef SENDS
#define SENDS 3  /* of one call */
#endif
#define SLOTS 3  /* copies on their way */

#ifdef RESIZE
#define CLIENTS 2
#else
#define CLIENTS 1
#endif

#define UNNUMBERED 1
#ifndef BREAK
#define BREAK 0
#endif

byte last;           /* amend: the highest number; resize: which change was the last */
bool sent[SLOTS];    /* on its way: */
byte whose[SLOTS];   /* the call, */
byte says[SLOTS];    /* and its number, or the change that it knows */
byte done_[CALLS];   /* 1: carried out */
byte told[CALLS];    /* 0: no answer yet; else the last change, plus 1 */
bool ended[CALLS], answered[CALLS];
bool nothing_undone = true;
byte before[CALLS];  /* which calls had ended when it began */

inline arrive(s) {
  atomic {
    sent[s] = false;
#ifdef RESIZE
    yes = (says[s] == last);
#else
    yes = (says[s] > last);
#endif
    if
    :: yes || BREAK == UNNUMBERED ->
       c = 0;
       do
       :: c < CALLS ->
          nothing_undone = nothing_undone && !(answered[c] && (before[c] & (1 << whose[s])));
          c++
       :: else -> break
       od;
       assert(nothing_undone);
#ifdef RESIZE
       last++;
#else
       last = (says[s] > last -> says[s] : last);
#endif
       done_[whose[s]] = 1
    :: else
    fi;
    told[whose[s]] = last + 1;
    c = 0; yes = false
  }
}

active proctype server() {
  byte c; bool yes;
end:
  do
  :: sent[0] -> arrive(0)
  :: sent[1] -> arrive(1)
  :: sent[2] -> arrive(2)
  od
}

inline send(call, what) {
  atomic {
    s = 0;
    do
    :: s < SLOTS && sent[s] -> s++
    :: else -> break
    od;
    if
    :: s < SLOTS -> sent[s] = true; whose[s] = call; says[s] = what
    :: else
    fi;
    sends++; s = 0
  }
}

proctype client(byte first, beyond) {
  byte call = first, knows, sends, s, i;
  do
  :: call < beyond ->
     atomic {
       i = 0;
       do
       :: i < CALLS -> before[call] = before[call] | (ended[i] << i); i++
       :: else -> break
       od;
       i = 0
     }
#ifndef RESIZE
     knows = call + 1;
#endif
     do
     :: sends < SENDS -> send(call, knows)          /* at first, or again */
     :: atomic { told[call] && done_[call] -> answered[call] = true; ended[call] = true; break }
#ifdef RESIZE
     :: atomic { told[call] && !done_[call] && knows != told[call] - 1 -> knows = told[call] - 1 }
#endif
     :: atomic { ended[call] = true; break }      /* given up, in doubt */
     od;
     call++; sends = 0
  :: else -> break
  od
}

init {
  atomic {
    run client(0, 2);
    if
    :: CLIENTS == 2 -> run client(2, 3)
    :: else
    fi
  }
}
