-- Calls of a holder, by the generic cell rate algorithm: a single number says when the bucket will be full again.
-- KEYS[1]: the holder's bucket. ARGV: microseconds in which one call is regained; calls that may come at once; calls that
-- are taken together, where at least half of the bucket is left after them; else one.
-- Answers: calls taken, 0 for refused; microseconds until a refused one would be allowed; until the bucket is full.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, burst, together = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local empty_in = interval * burst
local full_in = math.max(0, tonumber(redis.call('GET', KEYS[1]) or now) - now)
local taken = 1
if 2 * (full_in + together * interval) <= empty_in then
    taken = together
elseif full_in + interval > empty_in then
    return {0, full_in + interval - empty_in, full_in}
end
full_in = full_in + taken * interval
-- A plain number would be written in 14 digits, which cuts it to hundreds of microseconds.
redis.call('SET', KEYS[1], string.format('%.0f', now + full_in), 'PX', math.ceil(full_in / 1000) + 1)
return {taken, 0, full_in}
