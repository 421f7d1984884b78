from typing import Annotated

from fastapi import Depends, HTTPException

from app.schemas import Trail
from app.store import Store, get_store

StoreDep = Annotated[Store, Depends(get_store)]


def get_trail(slug: str, store: StoreDep) -> Trail:
    try:
        return store.trails[slug]
    except KeyError:
        raise HTTPException(status_code=404, detail="no such trail") from None


TrailDep = Annotated[Trail, Depends(get_trail)]
