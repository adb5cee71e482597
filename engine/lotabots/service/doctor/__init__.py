"""What is to be known before `lotabots run`: what was looked at, what is wrong, and the cure."""
