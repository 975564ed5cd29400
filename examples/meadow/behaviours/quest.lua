-- Mara asks for three mushrooms and gives a sword for them. Save this file while the server runs, and she does what it says now; docs/quest.md has the rest.
local WANTED = 3

-- Who comes within three tiles is asked.
near_radius = 3
function on_near(me, who)
    if who.is_player then
        me:say("Bring me " .. WANTED - (me.mushrooms or 0) .. " mushrooms, " .. who.name .. ", and I give you a sword.")
    end
end

-- Whoever sets her `mushrooms` gives them to her, out of his own.
function on_set(me, who, attribute, count)
    local given = attribute == "mushrooms" and count - (me.basket or 0) or 0
    if given < 1 then
        return
    end
    me:change(who, "mushrooms", -given)
    if count < WANTED then
        me.basket = count
        me:say("Thank you, " .. who.name .. ". " .. WANTED - count .. " more!")
        return
    end
    me.basket = 0
    me.mushrooms = 0
    me:change(who, "swords", 1)
    me:say("Here is your sword, " .. who.name .. "!")
end

-- In between, she looks after her garden.
return function(me)
    local home = me.home
    while true do
        me:go(home.x + random(-2, 2), home.y + random(-2, 2))
        me:sleep(40 + random(60))
    end
end
