"""placeholder"""
def films(plan, folder):
    return ()
class Film: ...
