-- One call of a holder, by the generic cell rate algorithm: a single number says when the bucket will be full again.
-- KEYS[1]: the holder's bucket. ARGV: microseconds in which one call is regained; calls that may come at once.
-- Answers: 1 or 0 for allowed; calls left; microseconds until a refused one would be allowed; until the bucket is full.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local next_full_at = full_at + interval
local over = next_full_at - interval * burst - now
if over > 0 then
    return {0, 0, over, full_at - now}
end
-- A plain number would be written in 14 digits, which cuts it to hundreds of microseconds.
redis.call('SET', KEYS[1], string.format('%.0f', next_full_at), 'PX', math.ceil((next_full_at - now) / 1000) + 1)
return {1, math.floor(-over / interval), 0, next_full_at - now}
