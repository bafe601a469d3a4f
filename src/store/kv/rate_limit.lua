-- Counts a cost in the window KEYS[1], a hash: the count of each slot by its number, `first` and `last`
-- of these, their `sum`. ARGV: a slot's length in microseconds, the slots of a window, the limit, the
-- cost, and what the caller owes, which counts in any case: what it has let through while it was not
-- heard here, less what it gives back. A cost of 0 takes nothing.
--
-- The window ends with the current slot and begins with the one that it cuts, which counts whole: no
-- time as long as the window ever has more than the limit. The limit is not stored, and what is stored
-- is believed only where it can be right.
--
-- Gives whether the cost was taken, what is used now, and in milliseconds when the oldest of that leaves
-- the window and when the cost would fit.
local bucket = KEYS[1]
local length, slots = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, cost, owed = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / length)

local function name(slot)
  return string.format('%.0f', slot)
end

local function whole(text)
  local number = tonumber(text)
  return number and number >= 0 and number < 2 ^ 53 and number == math.floor(number) and number
end

local state = redis.pcall('HMGET', bucket, 'first', 'last', 'sum')
local first, last, sum
if not state.err then
  first, last, sum = whole(state[1]), whole(state[2]), whole(state[3])
end
-- A clock that was set back by more than a window leaves nothing to count on.
local sound = first and last and sum and first <= last and last - first <= slots and last <= now + slots
if not sound then
  redis.call('DEL', bucket)
  first, last, sum = now, now, 0
end
now = math.max(now, last)

local counts
local function load()
  local names = {}
  for slot = first, last do
    names[#names + 1] = name(slot)
  end
  counts = redis.call('HMGET', bucket, unpack(names))
  for at = 1, #counts do
    counts[at] = whole(counts[at]) or 0
  end
end

-- What has left the window.
local gone = {}
if first < now - slots then
  load()
  local oldest, live = now, 0
  for at = #counts, 1, -1 do
    local slot = first + at - 1
    if slot < now - slots then
      gone[#gone + 1] = name(slot)
    elseif counts[at] > 0 then
      oldest, live = slot, live + counts[at]
    end
  end
  local kept = {}
  for slot = oldest, last do
    kept[#kept + 1] = counts[slot - first + 1]
  end
  first, sum, counts = oldest, live, kept
end

-- Writes that so much is counted in the last slot.
local function store(count)
  if #gone > 0 then
    redis.call('HDEL', bucket, unpack(gone))
    gone = {}
  end
  redis.call('HSET', bucket, name(last), count, 'first', name(first), 'last', name(last), 'sum', sum)
end

local function add(amount)
  local count = whole(redis.call('HGET', bucket, name(now))) or 0
  if sum == 0 then
    first = now
  end
  last, sum, counts = now, sum + amount, nil
  store(count + amount)
  redis.call('PEXPIRE', bucket, math.ceil((slots + 1) * length / 1000))
end

-- What was counted last goes first. A window without anything is none.
local function refund(amount)
  if not counts then
    load()
  end
  local newest
  sum = 0
  for at = #counts, 1, -1 do
    local less = math.min(amount, counts[at])
    amount, counts[at] = amount - less, counts[at] - less
    sum = sum + counts[at]
    if counts[at] == 0 then
      gone[#gone + 1] = name(first + at - 1)
    end
    newest = newest or counts[at] > 0 and at
  end
  if newest then
    last = first + newest - 1
    store(counts[newest])
  else
    redis.call('DEL', bucket)
    gone = {}
  end
end

if owed > 0 then
  add(owed)
elseif owed < 0 and sum > 0 then
  refund(-owed)
end
local taken = cost == 0 or sum + cost <= limit
if taken and cost > 0 then
  add(cost)
end

-- When a slot leaves the window, in milliseconds from now.
local function leaves(slot)
  return math.max(math.ceil(((slot + slots + 1) * length - micros) / 1000), 0)
end

local wait = 0
if not taken then
  if not counts then
    load()
  end
  local freed, leaving = 0, now
  for at = 1, #counts do
    if counts[at] > 0 and freed < sum + cost - limit then
      freed, leaving = freed + counts[at], first + at - 1
    end
  end
  wait = leaves(leaving)
end
return { taken and 1 or 0, sum, sum > 0 and leaves(first) or 0, wait }
