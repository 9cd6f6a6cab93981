"""Questions that the offline model is held to; two of its thresholds lie between what these groups reach."""

CONTENT = """
What did the botanist say about orchids?
How tall is the tower on the hill?
Who paid for the new roof?
Why did the orchestra cancel the tour?
When will the ferry service start again?
What happened in the second half of the game?
Is there anything about overtime pay?
Which hospital did they take him to?
What spices go into the curry?
How does the pump get rid of the water?
Summarize what was said about the election.
What did Martin promise his sister?
Tell me about the old mill.
Where did the explorers spend the winter?
What is the deadline for applications?
Did anyone complain about the noise?
reason for the recall of the brakes
How much did the painting sell for?
What advice does the vet give about puppies?
Explain the argument about the fence.
What did the committee decide about parking?
Who won the chess tournament?
What is the name of the volcano?
How long did the surgery take?
What did I say about my piano lessons?
Which birds nest on the cliff?
Was the second attempt a success?
What colour did they paint the kitchen?
How can I renew the licence according to the clerk?
What was the road like after the flood?
Find the part about interest rates.
Does the recording mention wind turbines?
What errors did the testers find?
And why did she leave?
Who are the characters in the play?
What do they think of the new manager?
What kind of wood is the table made of?
How was the wedding?
Is the water safe to drink?
Can you tell me what the inspector found?
Could you look for what he says about Jupiter?
Do the neighbours get along with each other?
What should I do about the leaking tap, according to the plumber?
Please find the address she mentions.
Who is Captain Harris?
What are the penguins doing at night?
Are the farmers worried about the drought?
Which instruments did the band play?
inflation in the last quarter
the fire of 1871
anything new on the strike?
What does the guide say about the cathedral's windows?
How many people came to the meeting?
What is the plan for Tuesday?
Why is the sky red in the story?
What were the three rules of the house?
What medicine did the nurse recommend?
Does she like her new job?
What was the first thing the astronaut saw?
In which recording do they talk about recycling?
What is my last recording about?
Which of my recordings mention Lisbon?
""".strip().splitlines()

SMALL_TALK = """
Hello!
Hi
Hey there
Good afternoon
Good evening, nice to see you
Thank you!
Many thanks for your help
That was great, thanks
Bye bye
See you later
Have a good weekend
Who are you?
What is your name?
What are you able to do?
How can you help me?
Are you a robot?
Are you a real person?
How are you?
How are you doing today?
Nice talking to you
Which AI model are you?
Who built you?
What can I ask you?
Tell me who you are
""".strip().splitlines()

LISTS = """
List my recordings
Show all of my recordings
Which recordings do I have?
How many recordings have I made?
What recordings do you have of mine?
Give me a list of all recordings
""".strip().splitlines()

RECORDING = "0b6f4c1e-5d1f-4f0a-9a55-6c1d2e3f4a5b"
TRANSCRIPTS = f"""
Show me the whole transcript of {RECORDING}
Give me the complete text of recording {RECORDING}
Read recording {RECORDING} to me from start to end
Get the transcript of {RECORDING}
""".strip().splitlines()
