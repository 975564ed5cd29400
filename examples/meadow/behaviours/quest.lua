-- Mara asks for three mushrooms and gives a sword for them. Save this file while the server runs, and she does what it says now; docs/quest.md has the rest.
local WANTED = 3

-- Who comes within three tiles is asked.
near_radius = 3
function on_near(me, who)
    if who.is_player then
        me:say("Bring me " .. WANTED - (me.basket or 0) .. " mushrooms, " .. who.name .. ", and I give you a sword.")
    end
end

-- Whoever sets her `offer` gives her so many of his mushrooms, if he has them.
function on_set(me, who, attribute, count)
    if attribute ~= "offer" then
        return
    end
    local given = math.min(count, WANTED - (me.basket or 0))
    me:change(who, "mushrooms", -given, function(me, done)
        if not done then
            me:say("You have not got so many, " .. who.name .. ".")
            return
        end
        me.basket = (me.basket or 0) + given
        if me.basket < WANTED then
            me:say("Thank you, " .. who.name .. ". " .. WANTED - me.basket .. " more!")
            return
        end
        me.basket = 0
        me:change(who, "swords", 1)
        me:say("Here is your sword, " .. who.name .. "!")
    end)
end

-- In between, she looks after her garden.
return function(me)
    local home = me.home
    while true do
        me:go(home.x + random(-2, 2), home.y + random(-2, 2))
        me:sleep(40 + random(60))
    end
end
