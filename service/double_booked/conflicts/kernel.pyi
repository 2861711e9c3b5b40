from typing import final

@final
class Answer:
    content: bytes
    events: int
    groups: int

def get_conflicts(request: bytes) -> Answer: ...
