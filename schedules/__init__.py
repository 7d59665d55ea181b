"""Reminder policies: one file each, found by themselves. See `bot.reminder_policy`."""
